const zh = {
  stage: {
    title: '舞台',
    help: '所有大屏立即切换，抽奖结果不受影响。',
    style: '抽奖样式',
    styles: { sphere: '名字球', scroll: '滚动名单', slot: '老虎机', cards: '翻牌墙' },
    theme: '主题',
    themes: {
      red: '鸿运红',
      night: '星夜蓝',
      jade: '翡翠绿',
      violet: '幻彩紫',
      black: '黑金',
      ivory: '雅白',
    },
    music: '音乐',
    musics: { off: '关闭', festive: '喜庆', modern: '电子' },
    musicHelp: '音乐由大屏实时合成。浏览器要求先在大屏上点一下才能出声。',
    volume: '音量',
    logo: '标志文字',
    logoPlaceholder: '公司简称，最多 20 字',
    logoPicture: '标志图片（代替标志文字）',
    background: '背景图片',
    backgroundHelp: 'JPEG、PNG 或 WebP，建议 1920×1080 以上。会压暗一层，保证文字清楚。',
    prizes: '按奖项设置样式',
    same: '同上',
  },
  picture: {
    none: '无图片',
    choose: '选择图片',
    change: '换一张',
    remove: '移除',
    sending: '上传中…',
    tooLarge: '图片不能超过 8 MiB，请缩小后再上传。',
  },
};

const en: typeof zh = {
  stage: {
    title: 'Stage',
    help: 'All screens change at once. Results are not touched.',
    style: 'Style of the draw',
    styles: { sphere: 'Globe', scroll: 'Rows', slot: 'Slot machine', cards: 'Cards' },
    theme: 'Theme',
    themes: {
      red: 'Red',
      night: 'Night',
      jade: 'Jade',
      violet: 'Violet',
      black: 'Black and gold',
      ivory: 'Ivory',
    },
    music: 'Music',
    musics: { off: 'Off', festive: 'Festive', modern: 'Electronic' },
    musicHelp:
      'Made by the screen itself. Browsers stay silent until somebody has clicked on the screen once.',
    volume: 'Volume',
    logo: 'Text of the logo',
    logoPlaceholder: 'Short name, at most 20 characters',
    logoPicture: 'Picture in place of the text',
    background: 'Background picture',
    backgroundHelp:
      'JPEG, PNG or WebP, best 1920×1080 or larger. It is toned down so that words stay readable.',
    prizes: 'Styles of single prizes',
    same: 'As above',
  },
  picture: {
    none: 'None',
    choose: 'Choose a picture',
    change: 'Change',
    remove: 'Remove',
    sending: 'Sending…',
    tooLarge: 'At most 8 MiB: make the picture smaller first.',
  },
};

export const stage = { zh, en };
