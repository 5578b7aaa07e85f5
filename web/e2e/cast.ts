/** The sandbox's crowd has the first numbers of the sample roster; the last one is the phone that we hold. */
export const CROWD = 11;
export const MINE = '19900000299';
export const phoneOf = (n: number): string => `199${String(n).padStart(8, '0')}`;

/** What people type; all else on the pages is the pages' own. */
export const TYPED = {
  zh: {
    meeting: '星河集团年会',
    prize: '二等奖',
    goods: '降噪耳机',
    budget: '年会奖金',
    roster: '名单.csv',
    heads: '姓名,手机号,部门',
    people: '王伟 李秀英 张敏 刘洋 陈静 杨磊 赵芳 黄勇 周杰 吴艳 阿依古丽·买买提 徐娟'.split(/ (?=[^·])/),
    mine: '林晓彤',
    department: '研发中心',
  },
  en: {
    meeting: 'Galaxy annual party',
    prize: 'Second prize',
    goods: 'Headphones',
    budget: 'Party prizes',
    roster: 'people.csv',
    heads: 'name,phone,department',
    people: [
      'Alice Martin',
      'Bob Chen',
      'Carla Rossi',
      'David Okafor',
      'Emma Larsen',
      'Farid Haddad',
      'Grace Kim',
      'Hugo Silva',
      'Iris Weber',
      'Jack Murphy',
      'Maximiliana Featherstonehaugh',
      'Keiko Tanaka',
    ],
    mine: 'Linda Brown',
    department: 'Research',
  },
};
/** The sample meeting of the demo lies beside ours in some lists. */
const SAMPLE = [
  '2026 年会（示例）',
  '年会奖金',
  '凭证与推荐奖金',
  '门店促销凭证（示例）',
  '名单.xlsx',
  '三等奖',
  '二等奖',
  '一等奖',
  '幸运奖',
  '拼手气红包',
  '定制保温杯',
  '平板电脑一台',
];

/** Whatever stands on pages and is nobody's words but people's. */
export const DATA = [...SAMPLE, ...Object.values(TYPED.zh).flat(), ...Object.values(TYPED.en).flat()];
