import { describe, expect, it } from 'vitest';
import { said, speak } from '.';
import { Catalogue } from './catalogue';
import sentences from './en.json';

/** Han letters outside of what WeChat's own buttons and columns are called. */
const left = (text: string): string => text.replace(/“[^”]*”/g, '').replace(/[^\u3400-\u9fff]/g, '');
const catalogue = new Catalogue(sentences);

describe('the English of what the server says', () => {
  it('exists for every sentence with every value', () => {
    for (const [chinese, english] of Object.entries(sentences)) {
      const filled = chinese.replace(/\{\w+\}/g, '42');
      const told = catalogue.say(filled);
      expect(left(told), `${chinese} → ${told}`).toBe('');
      const places = (text: string) =>
        new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name?.toLowerCase()));
      // Nothing is said that the server did not say; what English readers cannot read may be left out.
      for (const place of places(english)) expect(places(chinese), chinese).toContain(place);
    }
  });

  it('says values again, in their place', () => {
    expect(catalogue.say('没有找到该轮次，请检查地址或刷新页面。')).toBe(
      'This round was not found. Check the address or reload the page.',
    );
    expect(catalogue.say('名单里这个手机号是“王伟”，将改为“王小伟”。')).toBe(
      'This phone number is “王伟” in the list and will become “王小伟”.',
    );
    expect(catalogue.say('已批准的预算不足以支付 12.50 元，请财务先批准足够的预算。')).toBe(
      'The approved budgets do not cover ¥12.50. Finance has to approve enough first.',
    );
  });

  it('reads dates, reasons and sentences that follow each other', () => {
    expect(catalogue.say('8.88 元红包已发出：请在微信“服务通知”里领取，11月27日 21:40 前有效。')).toContain(
      'by 27 Nov 21:40.',
    );
    expect(
      catalogue.say('暂缓发送：该收款人尚未绑定微信，绑定后自动发送。下次处理时间 11月27日 21:40。'),
    ).toBe(
      'Held: This receiver has bound no WeChat yet; sent by itself afterwards. Next step at 27 Nov 21:40.',
    );
    expect(catalogue.say('8.88 元已领取。请凭领奖码 ABCD 到兑奖处领取保温杯。')).toBe(
      '¥8.88 received. Collect 保温杯 at the counter with the claim code ABCD.',
    );
    expect(catalogue.say('没有手机号。')).toBe('No phone number.');
    expect(catalogue.say('pay.client_ip：IPv4 地址；pay.ca_pem：没有这个文件')).toBe(
      'pay.client_ip: an IPv4 address; pay.ca_pem: the file does not exist',
    );
    expect(catalogue.say('Redis 7.2.4，一次往返 2 毫秒。没有打开持久化。')).toBe(
      'Redis 7.2.4, a round trip takes 2 ms. Persistence is off.',
    );
  });

  it('leaves alone what it does not know, and Chinese readers with the sentence itself', async () => {
    expect(catalogue.say('这句话没有人写过。')).toBe('这句话没有人写过。');
    expect(said('请先登录。')).toBe('请先登录。');
    await speak('en');
    expect(said('请先登录。')).toBe('Log in first.');
    await speak('zh');
    expect(said('请先登录。')).toBe('请先登录。');
  });
});
